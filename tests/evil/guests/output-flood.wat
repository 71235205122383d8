;; Emits ten gigabytes, 64 KiB at a time, whatever the answers are.
;; Ends: refused beyond the output cap; the rest is not even copied.
(data (i32.const 0x400) (i64 8192 0))
(data (i32.const 0x410) (i32 0 0 0x20000 0x10000))
(func $process (param $batch i32) (param $sink i32) (local $n i32)
    (loop (call $reset)
        (call $column (local.get $sink) (i64.const 8192) (i32.const 0x400) (i32.const 1)
            (i32.const 0) (i32.const 0) (i32.const 0x410) (i32.const 2))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if 0 (i32.lt_u (local.get $n) (i32.const 163840)))))
