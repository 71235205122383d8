;; Emits through a sink that it has dropped.
;; Ends: a crash of the guest.
(func $process (param $batch i32) (param $sink i32)
    (call $sink-drop (local.get $sink))
    (call $pass (local.get $batch) (local.get $sink)))
