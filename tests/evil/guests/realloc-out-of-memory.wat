;; Its `realloc` answers with an address beyond its memory, for the host to write to.
;; Ends: a crash of the guest; nothing is written.
;; realloc: (return (i32.const -8))
(func $process (param $batch i32) (param $sink i32)
    (call $read (local.get $batch) (i32.const 0x400) (i32.const 1) (i32.const 0x500)))
