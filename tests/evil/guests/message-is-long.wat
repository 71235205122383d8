;; Fails with a message of a megabyte.
;; Ends: in its own words, the first four thousand bytes of them.
(func $answer (param i32)
    (memory.fill (i32.const 0x20000) (i32.const 0x78) (i32.const 0x100000))
    (i64.store (local.get 0) (i64.const 1))
    (i64.store (i32.add (local.get 0) (i32.const 8)) (i64.const 0x10000000020000)))
