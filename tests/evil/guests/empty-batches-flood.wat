;; Emits a million batches without a row: no bytes, but work and memory of the host.
;; Ends: refused beyond the output cap, which counts what a batch costs the host.
(data (i32.const 0x400) (i64 0 0))
(data (i32.const 0x410) (i32 0 0 0 0))
(func $process (param $batch i32) (param $sink i32) (local $n i32)
    (loop (call $reset)
        (call $column (local.get $sink) (i64.const 0) (i32.const 0x400) (i32.const 1)
            (i32.const 0) (i32.const 0) (i32.const 0x410) (i32.const 2))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if 0 (i32.lt_u (local.get $n) (i32.const 1000000)))))
