;; Drops the stage that it then hands out.
;; Ends: a crash of the guest.
(func $stage (result i32) (local i32)
    (local.set 0 (call $stage-new (i32.const 1)))
    (call $stage-drop (local.get 0))
    (local.get 0))
