;; Grows a table until there is no more: entries are the host's memory, not its own.
;; Ends: refused beyond the cap of tables.
(table $all 1 funcref)
(func $evil
    (loop
        (if (i32.eq (table.grow $all (ref.null func) (i32.const 4096)) (i32.const -1))
            (then (unreachable)))
        (br 0)))
