;; Fails with a message of two gigabytes that is not there.
;; Ends: a crash of the guest.
(func $answer (param i32)
    (i64.store (local.get 0) (i64.const 1))
    (i64.store (i32.add (local.get 0) (i32.const 8)) (i64.const 0x7fffffff00000400)))
