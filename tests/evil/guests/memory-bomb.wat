;; Takes memory until there is no more, and touches it.
;; Ends: refused beyond the cap of the plugin.
(func $evil (local i32)
    (loop
        (local.set 0 (memory.grow (i32.const 16)))
        (if (i32.eq (local.get 0) (i32.const -1)) (then (unreachable)))
        (memory.fill (i32.shl (local.get 0) (i32.const 16)) (i32.const 1) (i32.const 0x100000))
        (br 0)))
