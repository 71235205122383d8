;; The frame of every hostile guest: a transform that passes its rows on, which a
;; guest's own file makes go wrong in one place. `frame.rs` fills in what stands in
;; braces: the file's text, empty hooks for those that it does not define, and the
;; description.
;;
;; What a guest's file may define:
;;
;;   (func $evil)                    called by the hook that the test names
;;   (func $on-describe)             before `describe` answers
;;   (func $on-create)               before a stage is made
;;   (func $stage (result i32))      the stage's handle
;;   (func $schema (param i32))      writes pointer and length of the schema there
;;   (func $process (param i32 i32)) handles of the batch and of the sink
;;   (func $finish (param i32))      handle of the sink
;;   (func $answer (param i32))      writes the result of `process` there
;;
;; Memory: below 64 KiB the guest's own, data segments included; from there on the
;; frame's, which `realloc` hands out.
(component
    (import "tidelake:plugin/types@0.1.0" (instance $types
        (type $c (enum "invalid-input" "unsupported" "not-found" "already-exists" "precondition"
            "denied" "exhausted" "transient" "internal"))
        (export "error-code" (type $code (eq $c)))
        (type $e (record (field "code" $code) (field "message" string)))
        (export "error" (type $error (eq $e)))))
    (alias export $types "error" (type $error))
    (import "tidelake:plugin/arrow@0.1.0" (instance $arrow
        (alias outer 1 $error (type $e))
        (export "error" (type $error (eq $e)))
        (type $n (record (field "len" u64) (field "nulls" u64)))
        (export "node" (type $node (eq $n)))
        (type $c (record (field "rows" u64) (field "nodes" (list $node))
            (field "variadic" (list u32)) (field "buffers" (list (list u8)))))
        (export "columns" (type $columns (eq $c)))
        (export "record-batch" (type $batch (sub resource)))
        (type $o (variant (case "same" u32) (case "data" $columns)))
        (export "out-column" (type $out (eq $o)))
        (export "batch-sink" (type $sink (sub resource)))
        (export "[method]record-batch.rows"
            (func (param "self" (borrow $batch)) (result u64)))
        (export "[method]record-batch.read" (func (param "self" (borrow $batch))
            (param "projection" (list u32)) (result $columns)))
        (export "[method]batch-sink.emit" (func (param "self" (borrow $sink))
            (param "rows" u64) (param "columns" (list $out)) (result (result (error $error)))))
        (export "[method]batch-sink.emit-selected" (func (param "self" (borrow $sink))
            (param "selection" (list u8)) (result (result (error $error)))))))
    (import "tidelake:plugin/log@0.1.0" (instance $log
        (type $l (enum "trace" "debug" "info" "warn" "error"))
        (export "level" (type $level (eq $l)))
        (export "write" (func (param "level" $level) (param "message" string)))
        (export "enabled" (func (param "level" $level) (result bool)))))
    (import "tidelake:plugin/metrics@0.1.0" (instance $metrics
        (export "counter" (func (param "name" string) (param "delta" u64)))))
    (alias export $arrow "record-batch" (type $batch))
    (alias export $arrow "batch-sink" (type $sink))

    (core module $memory
        (memory (export "memory") 20)
        (global $next (mut i32) (i32.const 0x10000))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            {realloc}
            ;; Aligned to 8; forgotten when a call begins (`reset`).
            (global.set $next (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get 3))))
        (func (export "reset") (global.set $next (i32.const 0x18000))))
    (core instance $m (instantiate $memory))
    (alias core export $m "memory" (core memory $mem))
    (alias core export $m "realloc" (core func $realloc))

    (core module $end {end} (func (export "drop") (param i32) {drop}))
    (core instance $e (instantiate $end))
    (type $stage (resource (rep i32) (dtor (core func $e "drop"))))
    (core func $stage-new (canon resource.new $stage))
    (core func $stage-drop (canon resource.drop $stage))
    (core func $batch-drop (canon resource.drop $batch))
    (core func $sink-drop (canon resource.drop $sink))
    (core func $rows (canon lower (func $arrow "[method]record-batch.rows")))
    (core func $read (canon lower (func $arrow "[method]record-batch.read")
        (memory (core memory $mem)) (realloc (core func $realloc))))
    (core func $emit (canon lower (func $arrow "[method]batch-sink.emit")
        (memory (core memory $mem)) (realloc (core func $realloc))))
    (core func $selected (canon lower (func $arrow "[method]batch-sink.emit-selected")
        (memory (core memory $mem)) (realloc (core func $realloc))))
    (core func $write (canon lower (func $log "write") (memory (core memory $mem))))
    (core func $enabled (canon lower (func $log "enabled")))
    (core func $counter (canon lower (func $metrics "counter") (memory (core memory $mem))))

    (core module $guest
        (import "m" "memory" (memory 20))
        (import "m" "reset" (func $reset))
        (import "h" "stage-new" (func $stage-new (param i32) (result i32)))
        (import "h" "stage-drop" (func $stage-drop (param i32)))
        (import "h" "batch-drop" (func $batch-drop (param i32)))
        (import "h" "sink-drop" (func $sink-drop (param i32)))
        (import "h" "rows" (func $rows (param i32) (result i64)))
        (import "h" "read" (func $read (param i32 i32 i32 i32)))
        (import "h" "emit" (func $emit (param i32 i64 i32 i32 i32)))
        (import "h" "selected" (func $selected (param i32 i32 i32 i32)))
        (import "h" "write" (func $write (param i32 i32 i32)))
        (import "h" "enabled" (func $enabled (param i32) (result i32)))
        (import "h" "counter" (func $counter (param i32 i32 i64)))
        (global $input (mut i32) (i32.const 0))
        (global $length (mut i32) (i32.const 0))
        ;; Set by a guest that does not give its handles back.
        (global $keeps (mut i32) (i32.const 0))

        ;; Emits one column of new data as a batch: rows, then nodes, variadic counts
        ;; and buffers, each as pointer and number. The answer stays at 0xf000.
        (func $column (param $sink i32) (param $rows i64) (param i32 i32 i32 i32 i32 i32)
            (i32.store (i32.const 0xf100) (i32.const 1))
            (i64.store (i32.const 0xf108) (local.get $rows))
            (i32.store (i32.const 0xf110) (local.get 2)) (i32.store (i32.const 0xf114) (local.get 3))
            (i32.store (i32.const 0xf118) (local.get 4)) (i32.store (i32.const 0xf11c) (local.get 5))
            (i32.store (i32.const 0xf120) (local.get 6)) (i32.store (i32.const 0xf124) (local.get 7))
            (call $emit (local.get $sink) (local.get $rows)
                (i32.const 0xf100) (i32.const 1) (i32.const 0xf000)))
        ;; Emits the batch of the call as it is: one column passed through.
        (func $pass (param $batch i32) (param $sink i32)
            (i64.store (i32.const 0xf100) (i64.const 0))
            (i64.store (i32.const 0xf108) (i64.const 0))
            (call $emit (local.get $sink) (call $rows (local.get $batch))
                (i32.const 0xf100) (i32.const 1) (i32.const 0xf000)))
        ;; Room that is touched, so that an instance that stays behind is noticed.
        (func $touch (memory.fill (i32.const 0x20000) (i32.const 7) (i32.const 0x100000)))

        {guest}
        {start}

        (data (i32.const 0xe000) "{description}")
        (func (export "describe") (result i32)
            (call $on-describe)
            (i64.store (i32.const 0xf000) (i64.const {described}))
            (i32.const 0xf000))
        (func (export "create") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
            (global.set $input (local.get 0))
            (global.set $length (local.get 1))
            (call $touch)
            (call $on-create)
            (i32.store (i32.const 0xf000) (i32.const 0))
            (i32.store (i32.const 0xf004) (call $stage))
            (i32.const 0xf000))
        (func (export "output-schema") (param i32) (result i32)
            (call $schema (i32.const 0xf000))
            (i32.const 0xf000))
        (func (export "process") (param i32 i32 i32) (result i32)
            (call $reset)
            (call $process (local.get 1) (local.get 2))
            (if (i32.eqz (global.get $keeps)) (then
                (call $batch-drop (local.get 1))
                (call $sink-drop (local.get 2))))
            (i32.store (i32.const 0xf000) (i32.const 0))
            (call $answer (i32.const 0xf000))
            (i32.const 0xf000))
        (func (export "finish") (param i32 i32) (result i32)
            (call $finish (local.get 1))
            (call $sink-drop (local.get 1))
            (i32.store (i32.const 0xf000) (i32.const 0))
            (i32.const 0xf000))
        ;; None.
        (func (export "snapshot") (param i32) (result i32)
            (memory.fill (i32.const 0xf000) (i32.const 0) (i32.const 12))
            (i32.const 0xf000)))
    (core instance $g (instantiate $guest
        (with "m" (instance $m))
        (with "h" (instance
            (export "stage-new" (func $stage-new)) (export "stage-drop" (func $stage-drop))
            (export "batch-drop" (func $batch-drop)) (export "sink-drop" (func $sink-drop))
            (export "rows" (func $rows)) (export "read" (func $read))
            (export "emit" (func $emit)) (export "selected" (func $selected))
            (export "write" (func $write)) (export "enabled" (func $enabled))
            (export "counter" (func $counter))))))

    (func $describe (result string) (canon lift (core func $g "describe") (memory (core memory $mem))))
    (instance $meta (export "describe" (func $describe)))
    (export "tidelake:plugin/meta@0.1.0" (instance $meta))

    (func $create (param "input" (list u8)) (param "options" string)
        (param "snapshot" (option (list u8))) (result (result (own $stage) (error $error)))
        (canon lift (core func $g "create") (memory (core memory $mem)) (realloc (core func $realloc))))
    (func $output-schema (param "self" (borrow $stage)) (result (list u8))
        (canon lift (core func $g "output-schema") (memory (core memory $mem))))
    (func $process (param "self" (borrow $stage)) (param "batch" (borrow $batch))
        (param "out" (borrow $sink)) (result (result (error $error)))
        (canon lift (core func $g "process") (memory (core memory $mem))))
    (func $finish (param "self" (borrow $stage)) (param "out" (borrow $sink))
        (result (result (error $error)))
        (canon lift (core func $g "finish") (memory (core memory $mem))))
    (func $snapshot (param "self" (borrow $stage)) (result (result (list u8) (error $error)))
        (canon lift (core func $g "snapshot") (memory (core memory $mem))))
;; Exported types must have names, which a component within gives them.
    (component $names
        (type $c (enum "invalid-input" "unsupported" "not-found" "already-exists" "precondition"
            "denied" "exhausted" "transient" "internal"))
        (import "error-code" (type $code (eq $c)))
        (type $e (record (field "code" $code) (field "message" string)))
        (import "error" (type $error (eq $e)))
        (import "stage" (type $s (sub resource)))
        (import "batch" (type $batch (sub resource)))
        (import "sink" (type $sink (sub resource)))
        (import "create" (func $create (param "input" (list u8)) (param "options" string)
            (param "snapshot" (option (list u8))) (result (result (own $s) (error $error)))))
        (import "output-schema" (func $schema (param "self" (borrow $s)) (result (list u8))))
        (import "process" (func $process (param "self" (borrow $s))
            (param "batch" (borrow $batch)) (param "out" (borrow $sink))
            (result (result (error $error)))))
        (import "finish" (func $finish (param "self" (borrow $s))
            (param "out" (borrow $sink)) (result (result (error $error)))))
        (import "snapshot" (func $snapshot (param "self" (borrow $s))
            (result (result (list u8) (error $error)))))
        (export $stage "stage" (type $s))
        (export "[static]stage.create" (func $create)
            (func (param "input" (list u8)) (param "options" string)
                (param "snapshot" (option (list u8)))
                (result (result (own $stage) (error $error)))))
        (export "[method]stage.output-schema" (func $schema)
            (func (param "self" (borrow $stage)) (result (list u8))))
        (export "[method]stage.process" (func $process)
            (func (param "self" (borrow $stage)) (param "batch" (borrow $batch))
                (param "out" (borrow $sink)) (result (result (error $error)))))
        (export "[method]stage.finish" (func $finish)
            (func (param "self" (borrow $stage)) (param "out" (borrow $sink))
                (result (result (error $error)))))
        (export "[method]stage.snapshot" (func $snapshot)
            (func (param "self" (borrow $stage)) (result (result (list u8) (error $error))))))
    (alias export $types "error-code" (type $code))
    (instance $transform (instantiate $names
        (with "error-code" (type $code)) (with "error" (type $error))
        (with "stage" (type $stage)) (with "batch" (type $batch)) (with "sink" (type $sink))
        (with "create" (func $create)) (with "output-schema" (func $output-schema))
        (with "process" (func $process)) (with "finish" (func $finish))
        (with "snapshot" (func $snapshot))))
    (export "tidelake:plugin/transform@0.1.0" (instance $transform)))
