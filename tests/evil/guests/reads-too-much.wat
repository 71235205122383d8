;; Reads the same column a million times at once.
;; Ends: a crash of the guest, before anything is copied.
(func $process (param $batch i32) (param $sink i32)
    (memory.fill (i32.const 0x20000) (i32.const 0) (i32.const 0x100000))
    (call $read (local.get $batch) (i32.const 0x20000) (i32.const 0x40000) (i32.const 0x500)))
