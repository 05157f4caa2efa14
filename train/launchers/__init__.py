"""What starts and watches the processes of a training, where no scheduler does."""
