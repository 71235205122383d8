;; Emits through the handle of the batch.
;; Ends: a crash of the guest.
(func $process (param $batch i32) (param $sink i32)
    (call $pass (local.get $batch) (local.get $batch)))
