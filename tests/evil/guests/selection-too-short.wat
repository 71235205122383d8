;; Chooses among its rows with no bit for any of them.
;; Ends: refused.
(func $process (param $batch i32) (param $sink i32)
    (call $selected (local.get $sink) (i32.const 0) (i32.const 0) (i32.const 0xf000)))
