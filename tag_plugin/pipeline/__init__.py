"""Images -> rows, in resumable steps: prepare, detect, write, verify, build."""
