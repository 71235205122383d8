;; One of three numbers is null, and the node says that none is.
;; Ends: refused; the bitmap is counted.
(data (i32.const 0x400) (i64 3 0))
(data (i32.const 0x500) (i32 0x600 1 0x608 24))
(data (i32.const 0x600) "\05")
(func $process (param $batch i32) (param $sink i32)
    (call $column (local.get $sink) (i64.const 3) (i32.const 0x400) (i32.const 1)
        (i32.const 0) (i32.const 0) (i32.const 0x500) (i32.const 2)))
