"""Following an expression through somebody's training: what every framework's adapter stands on.

knobs    what has rates, in any framework: the few methods that a course needs
host     who follows the course: how it speaks, what it can show to controllers
targets  which expression turns which knob
control  an expression with its controllers' states
course   the one value: where a run is; what it sees, skips, makes, extends
horizon  a change of the run's length
rows     which value goes where, and the writing
resume   a course saved, and resumed
ahead    a block of values at once
calls    how hosts call a scheduler; what a run will do

swept      a run whose rate rises from update to update, and what is told of it
range_test what its losses say of the best rate
"""
