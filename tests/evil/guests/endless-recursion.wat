;; As endless-loop, without a loop: calls that would take longer than the sun has.
;; Ends: stopped at the deadline.
(func $fib (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
        (then (local.get 0))
        (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                       (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
(func $evil (drop (call $fib (i32.const 90))))
