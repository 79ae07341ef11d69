"""What people look at: pictures of what a detector saw and of what a model pointed at."""
