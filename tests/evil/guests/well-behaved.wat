;; Does nothing wrong: passes its rows on. What must work after every attack.
;; Ends: with the rows that came in.
