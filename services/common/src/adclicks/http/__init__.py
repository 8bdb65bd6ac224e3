"""What both HTTP services do alike: errors, request ids, bounded bodies, health, metrics, the API's description."""
