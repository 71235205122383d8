;; Declares a schema of two gigabytes, beyond its memory.
;; Ends: a crash of the guest.
(func $schema (param i32) (i64.store (local.get 0) (i64.const 0x7fffffff00000400)))
