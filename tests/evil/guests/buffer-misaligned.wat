;; Three good numbers at an odd address.
;; Ends: well: the host copies them to where numbers must be.
(data (i32.const 0x400) (i64 3 0))
(data (i32.const 0x500) (i32 0 0 0x601 24))
(data (i32.const 0x601) (i64 1 2 3))
(func $process (param $batch i32) (param $sink i32)
    (call $column (local.get $sink) (i64.const 3) (i32.const 0x400) (i32.const 1)
        (i32.const 0) (i32.const 0) (i32.const 0x500) (i32.const 2)))
