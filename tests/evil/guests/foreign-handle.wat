;; Emits through a handle that nobody gave it.
;; Ends: a crash that names the handle.
(func $process (param $batch i32) (param $sink i32)
    (call $pass (local.get $batch) (i32.const 4242)))
