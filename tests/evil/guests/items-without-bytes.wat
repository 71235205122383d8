;; One row: a list of two billion nulls, which need no byte. Looking at each would
;; take the host seconds, which no deadline ends.
;; Ends: refused: the output cap counts values, not only bytes.
(data (i32.const 0x400) (i64 1 0 2147483647 2147483647))
(data (i32.const 0x500) (i32 0 0 0x600 8))
(data (i32.const 0x600) (i32 0 2147483647))
(func $process (param $batch i32) (param $sink i32)
    (call $column (local.get $sink) (i64.const 1) (i32.const 0x400) (i32.const 2)
        (i32.const 0) (i32.const 0) (i32.const 0x500) (i32.const 2)))
