"""What tests of several folders share: clicks, an installation of the pipeline on real servers, and waiting for a condition."""
