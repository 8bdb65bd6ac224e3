"""Takes ad clicks over HTTP and answers once Kafka has them."""
