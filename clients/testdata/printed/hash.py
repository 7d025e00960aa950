import hashlib

def hash_file(filepath):
    with open(filepath, 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest()

hash = hash_file('your-file.jpg')
print(hash)  # e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
