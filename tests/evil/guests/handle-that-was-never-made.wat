;; Answers `create` with a stage that does not exist.
;; Ends: a crash of the guest.
(func $stage (result i32) (i32.const 77))
