;; Makes stages without end: each is an entry in a table of the host.
;; Ends: a crash at the cap of handles.
(func $evil (loop (drop (call $stage-new (i32.const 1))) (br 0)))
