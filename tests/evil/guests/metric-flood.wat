;; Reports ten thousand metrics, each under a name of its own.
;; Ends: well, with the first few names kept.
(data (i32.const 0x400) "m_aaaa")
(func $process (param $batch i32) (param $sink i32) (local $i i32) (local $n i32) (local $at i32)
    (loop $next
        (local.set $n (local.get $i))
        (local.set $at (i32.const 0x402))
        (loop $letter
            (i32.store8 (local.get $at)
                (i32.add (i32.const 97) (i32.rem_u (local.get $n) (i32.const 26))))
            (local.set $n (i32.div_u (local.get $n) (i32.const 26)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br_if $letter (i32.lt_u (local.get $at) (i32.const 0x406))))
        (call $counter (i32.const 0x400) (i32.const 6) (i64.const 1))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const 10000))))
    (call $pass (local.get $batch) (local.get $sink)))
