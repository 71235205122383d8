;; Calls itself until the stack ends.
;; Ends: a crash that names the call stack.
(func $evil (call $deep (i32.const 1)))
(func $deep (param i32) (call $deep (i32.add (local.get 0) (i32.const 1))) (call $deep (local.get 0)))
