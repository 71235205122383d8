;; Declares a schema that is none.
;; Ends: refused when the stage is made.
(data (i32.const 0x400) "\ff\ff\ff\ff\10\00\00\00 no schema at all \ff\ff\ff\ff\ff\ff\ff\ff\ff")
(func $schema (param i32) (i64.store (local.get 0) (i64.const 0x2800000400)))
