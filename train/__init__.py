"""Fine-tuning and batch evaluation."""
