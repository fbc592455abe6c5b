"""A real Apache Kafka for tests, benchmarks and `make kafka`, run from its published jars: no container needed.

`jars` finds or fetches them, `server` runs brokers, `container` is the fallback where an engine answers, `provide`
chooses among them. `python -m deploy.kafka` keeps one in the background.
"""

from deploy.kafka.errors import KafkaFailed, KafkaUnavailable
from deploy.kafka.provide import broker_for_tests
from deploy.kafka.server import KafkaServer

__all__ = ["KafkaFailed", "KafkaServer", "KafkaUnavailable", "broker_for_tests"]
