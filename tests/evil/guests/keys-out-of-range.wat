;; A dictionary of two texts, and a key to the fourth.
;; Ends: refused.
(data (i32.const 0x400) (i64 3 0 2 0))
(data (i32.const 0x500) (i32 0 0 0x600 3 0 0 0x608 12 0x700 2))
(data (i32.const 0x600) "\00\03\01")
(data (i32.const 0x608) (i32 0 1 2))
(data (i32.const 0x700) "ab")
(func $process (param $batch i32) (param $sink i32)
    (call $column (local.get $sink) (i64.const 3) (i32.const 0x400) (i32.const 2)
        (i32.const 0) (i32.const 0) (i32.const 0x500) (i32.const 5)))
