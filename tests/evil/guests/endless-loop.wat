;; Never comes back, in whichever export, start function or destructor it is called.
;; Ends: stopped at the deadline.
(func $evil (loop (br 0)))
