"""The pipeline of a call: camera and voice in, pictures out, live or offline."""
