"""Kafka's answers about a topic and a group, asked by a child process.

A request to a group's coordinator (DescribeConsumerGroups, ListConsumerGroupOffsets and the three that change a group) that
times out before the coordinator was found aborts the process once it is found: librdkafka uses memory that it has freed
(confluentinc/librdkafka issue 4605, open in 2.16). The child may abort: the request fails, and the next one starts another.
That is rare: ``reading`` lets no such request time out, it ends the client instead.
"""
