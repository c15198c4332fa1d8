"""The model store: public model files, fetched and checked."""
