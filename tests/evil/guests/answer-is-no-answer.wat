;; Answers with a case that its result does not have.
;; Ends: a crash of the guest.
(func $answer (param i32) (i32.store (local.get 0) (i32.const 9)))
