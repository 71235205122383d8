;; Does not give batch and sink back at the end of the call, to use them later.
;; Ends: a crash of the guest.
(func $process (param $batch i32) (param $sink i32) (global.set $keeps (i32.const 1)))
