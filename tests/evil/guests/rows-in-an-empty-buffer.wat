;; Two to the 31 numbers in no bytes at all.
;; Ends: refused, before anything is allocated for them.
(data (i32.const 0x400) (i64 2147483648 0))
(data (i32.const 0x500) (i32 0 0 0 0))
(func $process (param $batch i32) (param $sink i32)
    (call $column (local.get $sink) (i64.const 2147483648) (i32.const 0x400) (i32.const 1)
        (i32.const 0) (i32.const 0) (i32.const 0x500) (i32.const 2)))
