"""The latent spaces of two variational autoencoders, without a flow and with one.

    python -m benchmarks.vae_latent --data mnist-10k.npz --out report/imgs

Trains both with two latent dimensions, and writes `vae-latent-none.png` and
`vae-latent-planar.png`: the decoded plane, and where test images are encoded.
"""

import argparse
import pathlib
import shutil
import tempfile

from tfp_flows import files
from tfp_flows.experiments import vae
from tfp_flows.experiments.configs import VaeConfig

_LAYERS = {"none": 1, "planar": 16}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="as of tfp-flows vae")
    parser.add_argument("--out", default="report/imgs", help="folder of the pictures")
    parser.add_argument("--num-epochs", type=int, default=60)
    args = parser.parse_args()
    out = files.prepare_folder(args.out)
    for flow, num_layers in _LAYERS.items():
        config = VaeConfig(
            flow=flow,
            num_layers=num_layers,
            latent_size=2,
            num_epochs=args.num_epochs,
            num_importance_samples=50,
        )
        with tempfile.TemporaryDirectory() as folder:
            vae.run(folder, args.data, config)
            picture = pathlib.Path(folder) / "latent-map.png"
            shutil.copyfile(picture, out / f"vae-latent-{flow}.png")


if __name__ == "__main__":
    main()
