"""How many replicas a pool of consumers needs: pure, and nothing of Kafka or Kubernetes. Begin with plan.py."""
