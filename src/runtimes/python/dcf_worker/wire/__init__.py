"""The worker's stream: frames, the messages in them, and the descriptor that they come and go through."""
