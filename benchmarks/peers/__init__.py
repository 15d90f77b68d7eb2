"""The same work on other stacks: HTTP in, a durable answer, one handler in a worker process.

Every stack is one API process (FastAPI on uvicorn, uvloop and httptools) and one worker, each
set up as its documentation recommends for speed where an answer has to mean "on disk". A
handler does nothing but note the age of its message in `ages.bin` of the working directory.
"""
