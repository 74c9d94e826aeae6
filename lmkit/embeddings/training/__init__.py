"""The training engine of word vectors: from a text to two matrices.

    text.py         a corpus over the rows of a vocabulary; which words stay (sub-sampling)
    _kernels_windows.py   tokens -> centre words with their windows; all random draws are functions of (seed, epoch, place in the text)
    objective.py    what is learned: the base class of all losses, the matrices (`Parameters`), the registry `OBJECTIVES`
    negative_sampling.py + _kernels_*.py   the losses
    trainer.py      the loop over epochs and rounds; reports, held-out loss, early stopping, checkpoints
    merging.py      threads: a copy of the model each, merged at fixed points
    checkpoint.py   storing a half-done training and going on with it, to the same bytes

**The data a kernel sees.** `Text` holds the corpus as it lies on disk (ids, sentence offsets) and the row of each id; `gather` turns a
chunk of it into kept words with the borders of their sentences; `window` gives a centre's context. Nothing of this knows a loss.

**An objective** owns two matrices of float32 rows, padded to 16 floats, and a kernel that trains on the tokens [start, stop). Threads call
it with different stretches and copies of the matrices. Since draws go by counters and learning rates by places, a stretch may be trained
anywhere, any time: that makes runs repeatable, resumable and independent of how many cores there are.

**A round** is one stretch for each thread; then the copies are merged, the first rows always and all rows every few rounds. Only where all
are merged is the state of a training (`State` and the two matrices) looked at, stored or interrupted.
"""
