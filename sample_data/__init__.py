"""A small BadNet with its data, made with `bdtui.sample_data.make`: invented faces, sunglasses as the trigger."""
