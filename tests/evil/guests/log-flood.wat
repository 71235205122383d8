;; Writes a hundred thousand messages to the operator's log, with terminal escapes.
;; Ends: well, with a handful of lines, none of which drives a terminal.
(data (i32.const 0x400) "\1b[2J\1b]0;owned\07all is well\0d\n")
(func $process (param $batch i32) (param $sink i32) (local $n i32)
    (loop
        (call $write (i32.const 4) (i32.const 0x400) (i32.const 27))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if 0 (i32.lt_u (local.get $n) (i32.const 100000))))
    (call $pass (local.get $batch) (local.get $sink)))
