;; Fails with a message that would clear the operator's screen and set its title.
;; Ends: in its own words, escaped.
(data (i32.const 0x400) "\1b[2J\1b]0;owned\07row 7 is odd\e2\80\ae")
(func $answer (param i32)
    (i64.store (local.get 0) (i64.const 1))
    (i64.store (i32.add (local.get 0) (i32.const 8)) (i64.const 0x1d00000400)))
