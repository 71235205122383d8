;; A text of bytes that are none, and one cut inside of a character.
;; Ends: refused.
(data (i32.const 0x400) (i64 2 0))
(data (i32.const 0x500) (i32 0 0 0x600 12 0x700 4))
(data (i32.const 0x600) (i32 0 3 4))
(data (i32.const 0x700) "\ff\fe\e6\b0")
(func $process (param $batch i32) (param $sink i32)
    (call $column (local.get $sink) (i64.const 2) (i32.const 0x400) (i32.const 1)
        (i32.const 0) (i32.const 0) (i32.const 0x500) (i32.const 3)))
