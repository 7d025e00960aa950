shasum -a 256 your-file.jpg
# Output: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  your-file.jpg
