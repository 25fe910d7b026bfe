"""A zoo of small networks, clean and backdoored, on pictures that are drawn here: what detectors and repairs are tried on.

    from tests.benchmarks.zoo import ZooSpec, make_net

    net = make_net(ZooSpec(attack="patch", seed=3))
    pixels, labels = net.poison(net.clean_test.pixels, net.clean_test.labels)

A network trains in some seconds on one core and is kept in `.zoo/`, which git ignores. The same spec gives the same
network on the same machine.
"""

from tests.benchmarks.zoo.attacks import ATTACKS
from tests.benchmarks.zoo.bodies import BODIES
from tests.benchmarks.zoo.nets import ZooNet, ZooSpec, make_net
from tests.benchmarks.zoo.pictures import KINDS, Pictures, draw_pictures

__all__ = ["ATTACKS", "BODIES", "KINDS", "Pictures", "ZooNet", "ZooSpec", "draw_pictures", "make_net"]
