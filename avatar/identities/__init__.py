"""The avatars there are: built-in faces, `.avatar` files, uploads, photos."""
