;; Reads the 200th column of one.
;; Ends: a crash that names the column.
(data (i32.const 0x400) (i32 200))
(func $process (param $batch i32) (param $sink i32)
    (call $read (local.get $batch) (i32.const 0x400) (i32.const 1) (i32.const 0x500)))
