;; The second text ends before it begins.
;; Ends: refused.
(data (i32.const 0x400) (i64 3 0))
(data (i32.const 0x500) (i32 0 0 0x600 16 0x700 8))
(data (i32.const 0x600) (i32 0 6 2 8))
(data (i32.const 0x700) "abcdefgh")
(func $process (param $batch i32) (param $sink i32)
    (call $column (local.get $sink) (i64.const 3) (i32.const 0x400) (i32.const 1)
        (i32.const 0) (i32.const 0) (i32.const 0x500) (i32.const 3)))
